// SCORM 1.2: where a course's page holds this one, it keeps what was answered, and its score (scorm.com's run-time reference).

const MOST_SUSPENDED = 4096 // characters
const MOST_PARENTS = 7

interface Api {
  LMSInitialize(none: ''): unknown
  LMSFinish(none: ''): unknown
  LMSGetValue(name: string): unknown
  LMSSetValue(name: string, value: string): unknown
  LMSCommit(none: ''): unknown
}

// Its functions, in a window above this one or above the one that opened it; nothing where there is none, or it may not be seen.
export function apiOf(window: Window): Api | null {
  try {
    return above(window) ?? (window.opener ? above(window.opener as Window) : null)
  } catch {
    return null // of another origin
  }
}

function above(window: Window): Api | null {
  let at = window
  for (let nth = 0; nth <= MOST_PARENTS; nth++) {
    const { API } = at as unknown as { API?: Api }
    if (API) return API
    if (at.parent === at) return null
    at = at.parent
  }
  return null
}

export interface Told {
  kept: readonly string[] // what may be kept, the fullest first: the first one that fits is
  score: number
  most: number
  complete: boolean
}

export class Course {
  private over = false

  private constructor(private readonly api: Api) {}

  static begin(api: Api | null): Course | null {
    if (!api || String(api.LMSInitialize('')) !== 'true') return null
    const course = new Course(api)
    if (!/passed|completed/.test(course.value('cmi.core.lesson_status'))) api.LMSSetValue('cmi.core.lesson_status', 'incomplete')
    return course
  }

  // What was kept of the last time.
  get kept(): string {
    return this.value('cmi.suspend_data')
  }

  get student(): string {
    return this.value('cmi.core.student_id')
  }

  // Returns whether all of it was kept.
  tell({ kept, score, most, complete }: Told): boolean {
    if (this.over) return false
    const { api } = this
    const fits = kept.findIndex((text) => text.length <= MOST_SUSPENDED)
    if (fits >= 0) api.LMSSetValue('cmi.suspend_data', kept[fits])
    const scale = most > 100 ? 100 / most : 1 // a score is from 0 to 100
    api.LMSSetValue('cmi.core.score.min', '0')
    api.LMSSetValue('cmi.core.score.max', short(most * scale))
    api.LMSSetValue('cmi.core.score.raw', short(score * scale))
    if (complete) api.LMSSetValue('cmi.core.lesson_status', 'completed')
    api.LMSCommit('')
    return fits === 0
  }

  end() {
    if (this.over) return
    this.over = true
    this.api.LMSSetValue('cmi.core.exit', 'suspend')
    this.api.LMSCommit('')
    this.api.LMSFinish('')
  }

  private value(name: string): string {
    const found = this.api.LMSGetValue(name)
    return typeof found === 'string' ? found : ''
  }
}

const short = (number: number) => String(Math.round(100 * number) / 100)
