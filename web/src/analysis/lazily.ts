// What is worked out when it is asked for, and once.

export class Lazily {
  private readonly known = new Map<string, unknown>()

  protected once<Value>(name: string, made: () => Value): Value {
    if (!this.known.has(name)) this.known.set(name, made())
    return this.known.get(name) as Value
  }
}
