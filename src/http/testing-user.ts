/** Tests of what a user may not do, which root may: the process is somebody else for as long as the test takes. */

const nobody = 65_534

/** Runs `work` without the rights of root. Changes the whole process, so nothing else may run meanwhile. */
export async function withoutRoot<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work()
  process.setegid?.(nobody)
  process.seteuid?.(nobody)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}
