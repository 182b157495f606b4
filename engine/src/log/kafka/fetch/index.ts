/** Our own fetch path: the only entry; everything else in this folder is its inside. */
export { type FetchSettings, fetchSource } from './make.ts'
