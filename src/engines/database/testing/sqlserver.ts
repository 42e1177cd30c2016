/** A server for tests that speaks SQL Server's protocol and knows the statements that are in them: SQL Server itself cannot be installed. */
import { startTds, type TdsAnswer } from './tds.ts'
import type { TestDatabase } from './test-database.ts'

type Users = Map<string, string>
const name = String.raw`\[((?:[^\]]|\]\])*)\]`
const text = String.raw`'((?:[^']|'')*)'`
const plainName = (written = ''): string => written.replaceAll(']]', ']')
const plainText = (written = ''): string => written.replaceAll("''", "'")
const no = (number: number, message: string): TdsAnswer => ({ number, message })

/** Each takes a batch that it knows. */
const statements: readonly (readonly [RegExp, (users: Users, ...parts: readonly (string | undefined)[]) => TdsAnswer])[] = [
  [new RegExp(`^CREATE LOGIN ${name} WITH PASSWORD = ${text}(?:; GRANT CONNECT SQL TO ${name})?$`), (users, user, password) => {
    if (users.has(plainName(user))) return no(15025, `The server principal '${plainName(user)}' already exists.`)
    users.set(plainName(user), plainText(password))
    return []
  }],
  [new RegExp(`^ALTER LOGIN ${name} WITH PASSWORD = ${text}$`), (users, user, password) => {
    if (!users.has(plainName(user))) return no(15151, `Cannot alter the login '${plainName(user)}', because it does not exist or you do not have permission.`)
    users.set(plainName(user), plainText(password))
    return []
  }],
  [new RegExp(`^ALTER LOGIN ${name} DISABLE$`), (users, user) => (users.has(plainName(user)) ? [] : no(15151, 'no such login'))],
  [new RegExp(`^DROP LOGIN ${name}$`), (users, user) => (users.delete(plainName(user)) ? [] : no(15151, 'no such login'))],
  [new RegExp(`^SELECT name FROM master\\.sys\\.server_principals WHERE name = ${text}$`), (users, user) => (users.has(plainText(user)) ? [plainText(user)] : [])],
  [new RegExp(`^SELECT session_id FROM sys\\.dm_exec_sessions WHERE login_name = ${text}$`), () => ['71']],
  [/^SELECT name FROM sys\.databases WHERE state = 0/, () => ['master', "a]b'c"]],
  [new RegExp(`^SELECT p\\.name FROM ${name}\\.sys\\.database_principals p JOIN .* WHERE s\\.name = ${text}$`), (_, database) => (plainName(database) === 'master' ? [] : ["mapped]'user"])],
  [/^EXEC \[a\]\]b'c\]\.sys\.sp_executesql N'DROP USER \[mapped\]\]''user\]'$/, () => []],
  [/^KILL 71$/, () => no(6106, 'Process ID 71 is not an active process ID.')],
  [/^SELECT 1$/, () => ['1']],
  // What the driver says of itself after a login.
  [/^set (?:textsize|quoted_identifier|ansi_nulls)/i, () => []],
]

function answerTo(sql: string, users: Users): TdsAnswer {
  for (const [shape, work] of statements) {
    const found = shape.exec(sql)
    if (found !== null) return work(users, ...found.slice(1))
  }
  return no(102, `Incorrect syntax near '${sql.slice(0, 5)}'.`)
}

export async function startSqlServer(): Promise<TestDatabase> {
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const users: Users = new Map([[admin.username, admin.password]])
  const { server, port } = await startTds({
    logIn: ({ username, password, database }) => {
      if (database !== 'master') return no(4060, `Cannot open database "${database}" requested by the login.`)
      return users.has(username) && users.get(username) === password ? null : no(18456, `Login failed for user '${username}'.`)
    },
    session() {
      let before: Users | null = null
      return (sql) => {
        if (sql.endsWith('BEGIN TRANSACTION')) before = new Map(users)
        else if (sql === 'COMMIT TRANSACTION') before = null
        else if (sql.endsWith('ROLLBACK TRANSACTION')) {
          if (before !== null) users.clear()
          for (const [user, password] of before ?? []) users.set(user, password)
        } else return answerTo(sql, users)
        return []
      }
    },
  })
  return {
    plugin: 'mssql-database-plugin',
    details: { connection_url: `sqlserver://{{username}}:{{password}}@127.0.0.1:${port}?database=master&encrypt=disable` },
    admin,
    creation: [`CREATE LOGIN [{{name}}] WITH PASSWORD = '{{password}}'; GRANT CONNECT SQL TO [{{name}}]`],
    refused: [`CREATE LOGIN [{{name}}] WITH PASSWORD = '{{password}}'`, 'GRANT NOTHING'],
    halfRotation: [`ALTER LOGIN [{{name}}] WITH PASSWORD = '{{password}}'`, 'GRANT NOTHING'],
    canLogIn: (username, password) => Promise.resolve(users.has(username) && users.get(username) === password),
    users: (prefix) => Promise.resolve([...users.keys()].filter((user) => user.startsWith(prefix))),
    makeUser: (username, password) => Promise.resolve(void users.set(username, password)),
    dropUser: (username) => Promise.resolve(void users.delete(username)),
    resetAdmin: () => Promise.resolve(void users.set(admin.username, admin.password)),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
