/** What the customer placed, plus how far it has come. It is the input of every execution. */
export interface Order {
  orderId: string;
  customerId: string;
  /** ISO 8601, UTC. */
  placedAt: string;
  items: OrderItem[];
  /** Sum of quantity x price over all items, in the shop's one currency. */
  totalAmount: number;
  card: Card;
  shipTo: Address;
  status: OrderStatus;
  /** Who decides when the order is large enough to need approval. A person, unless it says "auto". */
  approval?: ApprovalMode;
  /** Makes a service of the outside world fail on purpose. Only sample orders have it. */
  simulate?: Simulation;
}

export interface OrderItem {
  productId: string;
  quantity: number;
  price: number;
}

/** A card as the payment gateway knows it: never its number. */
export interface Card {
  token: string;
  /** Last month in which it can be charged, as YYYY-MM. */
  expires: string;
}

export interface Address {
  name: string;
  street: string;
  city: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
}

export type ApprovalMode = 'auto' | 'manual';

export interface Simulation {
  /** How many attempts to reserve the payment meet an unavailable gateway. */
  paymentOutages?: number;
}

export enum OrderStatus {
  Pending = 'PENDING',
  Validated = 'VALIDATED',
  Completed = 'COMPLETED',
  Rejected = 'REJECTED',
}

/** The state document: the order, and beside it what each state has added with its ResultPath. */
export interface OrderProgress extends Order {
  decision?: ApprovalDecision;
  payment?: PaymentReservation;
  inventory?: StockReport;
  reservation?: InventoryReservation;
  shipment?: Shipment;
  /** What a Catch has put here. */
  error?: CaughtError;
}

export interface ApprovalDecision {
  approved: boolean;
  decidedBy: string;
  reason: string;
}

export interface PaymentReservation {
  paymentId: string;
  amount: number;
}

export interface Refund {
  paymentId: string;
  refunded: true;
}

export interface StockReport {
  available: boolean;
  /** Products with fewer pieces in stock than ordered. */
  missing: string[];
}

export interface InventoryReservation {
  reservationId: string;
  items: { productId: string; quantity: number }[];
}

export interface InventoryRelease {
  reservationId: string;
  released: true;
}

export interface Shipment {
  shipmentId: string;
  carrier: string;
  trackingNumber: string;
}

export interface ShipmentCancellation {
  shipmentId: string;
  cancelled: true;
}

export interface Notification {
  notificationId: string;
  customerId: string;
  subject: string;
  text: string;
}

/** The error output Step Functions gives to a Catch. */
export interface CaughtError {
  Error: string;
  /** For a Lambda function, the JSON text of what it threw. Absent after a timeout. */
  Cause?: string;
}
