import { SafeError } from '../contract/safe-error';

/** What is wrong with one variable. Holds nothing of its value. */
export interface SettingProblem {
  name: string;
  /** Follows the name: `is required`. */
  what: string;
  /** A right value. */
  example?: string | undefined;
}

/** Every problem of a process's settings, in one message. */
export class SettingsError extends SafeError {
  constructor(readonly problems: readonly SettingProblem[]) {
    const count = problems.length === 1 ? 'One setting is wrong' : `${problems.length} settings are wrong`;
    const lines = problems.map(
      ({ name, what, example }) =>
        `  ${name} ${what}.${example === undefined ? '' : `\n    Example: ${name}=${example}`}`,
    );
    super(`${count}:\n${lines.join('\n')}`);
    this.name = 'SettingsError';
  }
}
