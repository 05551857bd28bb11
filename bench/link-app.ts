/** What the benchmark drives: an application that links users, and tells when a result has been read. */
export interface LinkApp {
  /** Where Atomic's webhooks go. */
  webhookUrl: string;
  /** Starts a link of one job from a fresh public token. Resolves once Temporal has it. */
  start(userId: string): Promise<void>;
  close(): Promise<void>;
}

export interface AppOptions {
  temporalAddress: string;
  providersUrl: string;
  /** File of the prebuilt workflow bundle. */
  bundlePath: string;
  /** Called at the end of the step that has read a user's result. */
  onResult(userId: string): void;
}
