// Required before a script: a clock that is HOURS_AHEAD wrong.
const ahead = Number(process.env.HOURS_AHEAD) * 3600_000
const Right = Date
globalThis.Date = class extends Right {
  constructor (...given) { super(...(given.length ? given : [Right.now() + ahead])) }
  static now () { return Right.now() + ahead }
}
