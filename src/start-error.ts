/** A failure whose message tells the operator what to do: printed as it is, without a stack. It holds no secret. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}
