/**
 * The errors the state machine knows by name.
 *
 * Lambda reports `error.name` as the error type, and `ErrorEquals` compares with it. So each class sets its name as
 * text: the name of the class itself does not survive minification.
 */

/** The order cannot be processed as it stands. Trying again changes nothing. */
export class ValidationError extends Error {
  override readonly name = 'ValidationError';
}

/** A service did not answer. The same call may succeed a moment later. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/** The bank said no. */
export class PaymentDeclinedError extends Error {
  override readonly name = 'PaymentDeclinedError';
}

/** The last pieces went to somebody else between the check and the reservation. */
export class OutOfStockError extends Error {
  override readonly name = 'OutOfStockError';
}

/** The carrier refused the shipment, so none exists. */
export class CarrierRejectedError extends Error {
  override readonly name = 'CarrierRejectedError';
}
