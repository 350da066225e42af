// Files that are handed in honestly, made by the page's own functions: tests/test_homework_page.py and others ask for them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { bytesOf, MOST_BYTES } from '../../src/homework/answers'
import type { Assignment } from '../../src/homework/assignment'
import { Student } from './student'

vi.setConfig({ testTimeout: 1_200_000 })

const env = import.meta.env as Record<string, string | undefined>
const path = env.HEADLAB_ASSIGNMENT ?? 'tests/homework/hw1.json' // what a page is handed out with
const out = env.HEADLAB_OUT // a folder for the files
const [students, first] = [Number(env.HEADLAB_STUDENTS ?? 2), Number(env.HEADLAB_FIRST ?? 0)]

it(`${students} students answer everything, and their files fit`, () => {
  const assignment = JSON.parse(readFileSync(path, 'utf8')) as Assignment
  if (out) mkdirSync(out, { recursive: true })
  for (let nth = first; nth < first + students; nth++) {
    const student = new Student(assignment, `student${nth}`).does()
    expect(student.lacking).toEqual([])
    expect(bytesOf(student.file)).toBeLessThanOrEqual(MOST_BYTES)
    if (out) writeFileSync(`${out}/${assignment.name}-student${nth}.txt`, student.file)
  }
})
