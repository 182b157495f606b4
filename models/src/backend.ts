/**
 * The one place that chooses a tensor backend. Everything that trains or scores in batches asks here;
 * the decision path never does (it runs the compiled forward pass, see uplift/forward.ts).
 *
 * tfjs is imported on demand because it costs some 300 ms that a serving process need not pay.
 *
 * B1 `tensorflow` (tfjs-node) is an optional dependency; where it does not import it is passed over
 *    silently. `wasm` and `cpu` are always installed.
 * B2 tfjs holds its backend per thread. Loading another one switches the whole thread.
 * B3 Weights after training are the same for the same seed and backend, not across backends.
 */
import { OpportuneError } from '#engine'

export type BackendName = 'tensorflow' | 'wasm' | 'cpu'

/** What training and batch scoring work with. */
export interface Backend {
  readonly name: BackendName
  readonly tf: typeof import('@tensorflow/tfjs-core')
  readonly layers: typeof import('@tensorflow/tfjs-layers')
}

/** Registers a backend with tfjs; throws when it cannot. */
export type BackendImports = Readonly<Record<BackendName, () => Promise<unknown>>>

const IMPORTS: BackendImports = {
  // The cast keeps the compiler from asking for the types of a package that may not be installed.
  tensorflow: () => import('@tensorflow/tfjs-node' as string),
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
}

/**
 * Loads the first backend of `order` that works on this machine.
 * Throws `model_backend_missing` when none does.
 */
export async function loadBackend(
  order: readonly BackendName[] = ['tensorflow', 'wasm', 'cpu'],
  imports: BackendImports = IMPORTS,
): Promise<Backend> {
  const tf = await import('@tensorflow/tfjs-core')
  const layers = await import('@tensorflow/tfjs-layers')
  // Production mode drops tfjs's console notices and its per-operation NaN scans.
  tf.enableProdMode()
  const failures: string[] = []
  for (const name of order) {
    try {
      await imports[name]()
      if (await tf.setBackend(name)) return { name, tf, layers }
      failures.push(`${name}: did not initialise`)
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`)
    }
  }
  throw new OpportuneError('model_backend_missing', `Tried ${failures.join('; ')}.`)
}
