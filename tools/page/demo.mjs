/**
 * The page on a made-up system, for working on its looks:
 *   node --conditions=source --import tsx tools/page/demo.mjs [port]
 */
import { startDemo } from './demo-system.ts'

console.log(await startDemo(Number(process.argv[2] ?? 8090)))
