import '../page.css'
import { mount } from 'svelte'
import { keptOf, workOf } from './answers'
import { type Assignment, assignmentIn, ID } from './assignment'
import { Homework } from './homework.svelte'
import Page from './Page.svelte'
import { apiOf, Course } from './scorm'

const target = document.getElementById('homework')!
const found = assignmentIn(document)
if (typeof found === 'string')
  target.replaceChildren(Object.assign(document.createElement('p'), { textContent: found, className: 'wrong' }))
else begin(found)

function begin(assignment: Assignment) {
  document.title = assignment.title
  const course = Course.begin(apiOf(window))
  const homework = new Homework(assignment, course && begun(assignment, course), (homework) => course && tell(course, homework))
  mount(Page, { target, props: { homework } })
  homework.lab.wake()
  if (course) addEventListener('pagehide', () => (tell(course, homework), course.end()))
}

// What the course kept; at the first time, the id that it knows.
function begun(assignment: Assignment, course: Course) {
  const kept = course.kept
  if (kept) {
    try {
      return workOf(assignment, JSON.parse(kept))
    } catch {
      // of another page
    }
  }
  return ID.test(course.student) ? { id: course.student, answers: {} } : null
}

// The answer as it is handed in, where that fits; else without the hashes, and else without the sentences.
function tell(course: Course, homework: Homework) {
  const { assignment, work } = homework
  const file = JSON.stringify(JSON.parse(homework.file))
  const kept = keptOf(assignment, work)
  const short = Object.fromEntries(Object.entries(kept.answers).filter(([, { text }]) => !text))
  const all = course.tell({
    kept: [file, JSON.stringify(kept), JSON.stringify({ ...kept, answers: short })],
    score: homework.points,
    most: homework.most,
    complete: homework.handedIn,
  })
  if (!all && Object.values(work.answers).some(({ text }) => text)) homework.said = 'Your course keeps less than this: save a draft, too.'
}
