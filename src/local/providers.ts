import type { AtomicSettings, LocalSettings, PlaidSettings } from '../settings/schemas';
import { startAtomicSimulator, startPlaidSimulator } from '../simulators';
import { Secret } from '../system/secret';
import { keepSimulatorState, loadSimulatorState } from './simulator-state';

type PlaidSimulator = Awaited<ReturnType<typeof startPlaidSimulator>>;
type AtomicSimulator = Awaited<ReturnType<typeof startAtomicSimulator>>;

/** Accepted by the simulators alone. */
const SIMULATED = { clientId: 'simulated-client', key: 'simulated-key', secret: 'simulated-secret' } as const;

export interface LocalProviders {
  plaid: PlaidSettings;
  atomic: AtomicSettings;
  /** Undefined where the settings name real credentials. */
  plaidSimulator: PlaidSimulator | undefined;
  atomicSimulator: AtomicSimulator | undefined;
  close(): Promise<void>;
}

/**
 * The real providers where the settings name their credentials, else simulators. `jobDelayMs` is how long a simulated job
 * of Atomic's takes. The simulated Atomic knows from a simulated Plaid which processor tokens live.
 */
export async function startLocalProviders(
  settings: LocalSettings,
  {
    publicUrl,
    jobDelayMs,
    stateFile,
  }: {
    publicUrl: string;
    jobDelayMs: number;
    /** Keeps what the simulators hold; without one they forget it when they stop. */
    stateFile?: string | undefined;
  },
): Promise<LocalProviders> {
  const state = stateFile === undefined ? undefined : await loadSimulatorState(stateFile);
  const plaidSimulator = settings.plaid
    ? undefined
    : await startPlaidSimulator({
        clientId: SIMULATED.clientId,
        secret: SIMULATED.secret,
        ...(state?.plaid && { state: state.plaid }),
        // Plaid's Sandbox knows no user; ours reads it from where the Item's webhooks go.
        userOfWebhookUrl: (url) => /\/webhooks\/plaid\/([^/]+)$/.exec(url)?.[1],
      });
  const atomicSimulator = settings.atomic
    ? undefined
    : await startAtomicSimulator({
        apiKey: SIMULATED.key,
        apiSecret: SIMULATED.secret,
        webhookUrl: `${publicUrl}/webhooks/atomic`,
        ...(plaidSimulator && {
          isProcessorTokenLive: (token: string) => plaidSimulator.isProcessorTokenLive(token),
        }),
        settings: { jobDelayMs },
        ...(state?.atomic && { state: state.atomic }),
      });
  const endKeeping =
    stateFile === undefined
      ? undefined
      : keepSimulatorState(stateFile, { plaid: plaidSimulator, atomic: atomicSimulator });
  return {
    plaid: settings.plaid ?? {
      clientId: new Secret(SIMULATED.clientId),
      secret: new Secret(SIMULATED.secret),
      environment: 'sandbox',
      baseUrl: plaidSimulator?.url ?? '',
      ...settings.simulatedPlaid,
    },
    atomic: settings.atomic ?? {
      apiKey: new Secret(SIMULATED.key),
      apiSecret: new Secret(SIMULATED.secret),
      baseUrl: atomicSimulator?.url ?? '',
      contract: {},
    },
    plaidSimulator,
    atomicSimulator,
    async close() {
      await endKeeping?.();
      await Promise.all([plaidSimulator?.close(), atomicSimulator?.close()]);
    },
  };
}
