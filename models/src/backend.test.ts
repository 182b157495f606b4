import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { type BackendImports, loadBackend } from './backend.ts'

const absent = () => Promise.reject(new Error('Cannot find package\nwith a long story'))

const imports: BackendImports = {
  tensorflow: absent,
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
}

describe('loading a backend', () => {
  test('[B1] an optional one that does not import is passed over', async () => {
    const backend = await loadBackend(['tensorflow', 'wasm', 'cpu'], imports)
    expect(backend.name).toBe('wasm')
    const sum = backend.tf.tidy(() => backend.tf.add([1, 2], [3, 4]).dataSync())
    expect([...sum]).toEqual([4, 6])
  })

  test('[B1] cpu takes over where wasm cannot load', async () => {
    const backend = await loadBackend(['wasm', 'cpu'], { ...imports, wasm: absent })
    expect([backend.name, backend.tf.getBackend()]).toEqual(['cpu', 'cpu'])
  })

  test('none at all is one error that lists what was tried', async () => {
    const error = await loadBackend(['tensorflow'], imports).catch(findError)
    expect(error).toMatchObject({ code: 'model_backend_missing' })
    expect(error).toHaveProperty(
      'message',
      expect.stringContaining('Tried tensorflow: Cannot find package.') as string,
    )
  })
})
