/** Where `.ci/databases` puts servers that no package of Debian has: tests that need one look there, and are skipped when it is not. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** `bin` for programs, `cassandra` and `opensearch` for what Java loads. */
export const serverFolder = (name: string): string => join(process.env['COFFER_TEST_SERVERS'] ?? join(homedir(), '.cache', 'coffer-test-servers'), name)
