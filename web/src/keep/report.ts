// The report: the page itself with a recording inside, and tables that can be read where no script runs.

import { CARRIED, type Carried, carriedText } from '../carried'
import { escapeUnseen } from '../notation/visible'

export const RECORDED = 'headlab-recorded' // the id of the element with the tables, which a page that lives takes away
export const LINK = 'headlab-link' // of the element with the settings that a copy begins with

export interface ReadTable {
  caption: string
  columns: readonly string[]
  rows: readonly (readonly [name: string, cells: readonly string[]])[]
}

export interface Report {
  title: string
  lines: readonly string[] // what the run is, and what is said of it
  tables: readonly ReadTable[]
}

let own = ''

// To be called before anything is mounted, in the file that the lab is: its text goes into reports.
export function takePage(document: Document) {
  own = `<!doctype html>\n${document.documentElement.outerHTML}\n`
}

// Nothing where the lab is no single file.
export const ownPage = () => own

// page: the HTML of the lab's file as it was opened. Its script stays as it is, and so its hash in the security policy; what is put in
// are data and tables, which no policy forbids. They take the place of those that were there. link: of the run, with which it begins
export function reportHtml(page: string, carried: Carried, report: Report, link: string): string {
  const scripts = [CARRIED, LINK].map((id) => new RegExp(`\\s*<script[^>]*id="${id}"[^>]*>[^<]*</script>`))
  const section = new RegExp(`\\s*<section id="${RECORDED}">[\\s\\S]*?</section>`)
  const bare = [...scripts, section].reduce((text, found) => text.replace(found, ''), page)
  const titled = bare.replace(/<title>[^<]*<\/title>/, () => `<title>${escaped(report.title)}</title>`)
  const at = titled.indexOf('>', titled.indexOf('<body')) + 1
  const data = `<script type="application/json" id="${CARRIED}">${carriedText(carried)}</script>`
  const begins = `<script type="text/plain" id="${LINK}">${link.replace(/^#/, '').replaceAll('<', '%3C')}</script>`
  const put = [`<section id="${RECORDED}">${readable(report)}</section>`, begins, data].map((text) => `\n    ${text}`)
  return `${titled.slice(0, at)}${put.join('')}${titled.slice(at)}`
}

export function readable({ title, lines, tables }: Report): string {
  return [`<h1>${escaped(title)}</h1>`, ...lines.map((line) => `<p>${escaped(line)}</p>`), ...tables.map(tableHtml)].join('\n')
}

function tableHtml({ caption, columns, rows }: ReadTable): string {
  const head = ['', ...columns].map((name) => `<th scope="col">${bidi(name)}</th>`).join('')
  const body = rows.map(
    ([name, cells]) => `<tr><th scope="row">${bidi(name)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
  )
  return `<table><caption>${escaped(caption)}</caption>\n<thead><tr>${head}</tr></thead>\n<tbody>${body.join('\n')}</tbody></table>`
}

const escaped = (text: string) =>
  escapeUnseen(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const bidi = (text: string) => (text ? `<bdi>${escaped(text)}</bdi>` : '')
