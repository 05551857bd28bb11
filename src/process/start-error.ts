import { SafeError } from '../contract/safe-error';

/** A failure whose message tells the operator what to do: printed as it is, without a stack. It holds no secret. */
export class StartError extends SafeError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}
