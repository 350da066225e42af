// What has been so for a while: not at once, as most of it is over within a frame or two.

export class Lasting<Name extends string> {
  private is = $state.raw<Partial<Record<Name, boolean>>>({})
  private readonly timers: Partial<Record<Name, ReturnType<typeof setTimeout>>> = {}

  constructor(private readonly milliseconds: number) {}

  // Which are so now.
  see(now: Record<Name, boolean>) {
    for (const name in now) {
      if (now[name]) this.timers[name] ??= setTimeout(() => this.set(name, true), this.milliseconds)
      else {
        clearTimeout(this.timers[name])
        delete this.timers[name]
        if (this.is[name]) this.set(name, false)
      }
    }
  }

  has(name: Name): boolean {
    return this.is[name] ?? false
  }

  private set(name: Name, is: boolean) {
    this.is = { ...this.is, [name]: is }
  }
}
