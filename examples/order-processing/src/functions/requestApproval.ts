import { SendTaskSuccessCommand, SFNClient, TaskTimedOut } from '@aws-sdk/client-sfn';
import { applyApprovalRule } from '../services/approval';
import type { Order } from '../types/order';

interface ApprovalRequest {
  order: Order;
  /** What the decision has to be sent with. The execution waits until somebody does, or the state times out. */
  taskToken: string;
}

// Outside the handler, so that warm invocations share its connections.
const stepFunctions = new SFNClient({});

export const handler = async ({ order, taskToken }: ApprovalRequest): Promise<void> => {
  const decision = applyApprovalRule(order, autoApprovalLimit());
  if (decision === undefined) {
    // A real shop would mail a link that carries the token. Here whoever reads the log decides.
    console.log('Approval needed for', order.orderId, 'amount', order.totalAmount, 'task token', taskToken);
    return;
  }

  console.log('Decided on', order.orderId, decision);
  try {
    await stepFunctions.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(decision) }));
  } catch (error) {
    // The task is closed: it was answered before, or it timed out. This request has nothing left to do.
    if (!(error instanceof TaskTimedOut)) {
      throw error;
    }
    console.warn('Decision on', order.orderId, 'came too late:', error.message);
  }
};

function autoApprovalLimit(): number {
  const limit = Number(process.env.AUTO_APPROVAL_LIMIT);
  if (!Number.isFinite(limit) || limit <= 0) {
    throw new Error(`AUTO_APPROVAL_LIMIT must be a number above 0, not ${process.env.AUTO_APPROVAL_LIMIT}`);
  }
  return limit;
}
