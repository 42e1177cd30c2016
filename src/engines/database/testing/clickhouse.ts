/** As much of ClickHouse's HTTP interface as users need, with the statements that are in the tests: https://clickhouse.com/docs/interfaces/http */
import { startHttpDatabase, type Answer } from './http-database.ts'
import type { TestDatabase } from './test-database.ts'

const exception = (status: number, code: number, text: string): Answer => ({ status, headers: { 'x-clickhouse-exception-code': String(code) }, body: `Code: ${code}. DB::Exception: ${text}` })
/** What stands in quotes, where a backslash stands for the next character. */
const quoted = String.raw`(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')`
const plain = (text = ''): string => text.replaceAll(/\\(.)/g, '$1')

export const startClickhouse = (): Promise<TestDatabase> => startHttpDatabase({
  plugin: 'clickhouse-database-plugin',
  creation: [`CREATE USER "{{name}}" IDENTIFIED BY '{{password}}' VALID UNTIL '{{expiration}}'; GRANT SELECT ON app.* TO "{{name}}"`],
  refused: [`CREATE USER "{{name}}" IDENTIFIED BY '{{password}}'`, 'GRANT NOTHING'],
  halfRotation: [`ALTER USER "{{name}}" IDENTIFIED BY '{{password}}'; GRANT NOTHING`],
}, (url) => ({ connection_url: `${url.replace('//', '//{{username}}:{{password}}@')}/?database=app` }), ({ headers, body, query, users }) => {
  const [name, key] = [String(headers['x-clickhouse-user'] ?? ''), String(headers['x-clickhouse-key'] ?? '')]
  if (!users.has(name) || users.get(name) !== key) return exception(403, 516, `${name}: Authentication failed: password is incorrect, or there is no user with such name`)
  if (query.get('database') !== 'app') return exception(404, 81, 'Database does not exist')
  return answerStatement(body, users)
})

function answerStatement(statement: string, users: Map<string, string>): Answer {
  if (/^(?:SELECT 1|GRANT SELECT ON app\.\* TO "[^"]+")$/.test(statement)) return { status: 200, body: '1\n' }
  const [, verb, user, , password] = new RegExp(`^(CREATE|ALTER) USER ${quoted} IDENTIFIED BY '((?:[^'\\\\]|\\\\.)*)'`).exec(statement) ?? []
  if (verb !== undefined) {
    if (users.has(plain(user)) !== (verb === 'ALTER')) return verb === 'ALTER' ? exception(404, 192, 'There is no user in user directories') : exception(500, 493, 'cannot insert because it already exists')
    users.set(plain(user), plain(password))
    return { status: 200 }
  }
  const [, dropped] = new RegExp(`^DROP USER IF EXISTS ${quoted}$`).exec(statement) ?? []
  if (dropped !== undefined) users.delete(plain(dropped))
  else if (!/^ALTER USER "[^"]+" VALID UNTIL '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC'$/.test(statement)) return exception(400, 62, `Syntax error: failed at position 1 (${statement.slice(0, 5)})`)
  return { status: 200 }
}
