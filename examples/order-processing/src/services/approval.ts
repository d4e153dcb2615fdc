import type { ApprovalDecision, Order } from '../types/order';

/**
 * What the shop's approval rule says, or `undefined` if a person has to decide.
 *
 * @param limit the largest amount the rule may approve
 */
export function applyApprovalRule(order: Order, limit: number): ApprovalDecision | undefined {
  if (order.approval !== 'auto') {
    return undefined;
  }
  const approved = order.totalAmount <= limit;
  return {
    approved,
    decidedBy: 'auto-approver',
    reason: `${order.totalAmount} is ${approved ? 'within' : 'above'} the limit of ${limit}`,
  };
}
