// The report: the page itself with a recording inside, and tables that can be read where no script runs.

import { CARRIED, type Carried, carriedText } from '../carried'
import { escapeUnseen } from '../notation/visible'

export const RECORDED = 'headlab-recorded' // the id of the element with the tables, which a page that lives takes away

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

// page: the HTML of the lab's file as it was opened. Its script stays as it is, and so its hash in the security policy; what is put in
// are data and tables, which no policy forbids. What it carried before is replaced.
export function reportHtml(page: string, carried: Carried, report: Report): string {
  const text = carriedText(carried)
  const data = `<script type="application/json" id="${CARRIED}">${text}</script>`
  const bare = page
    .replace(new RegExp(`\\s*<script[^>]*id="${CARRIED}"[^>]*>[^<]*</script>`), '')
    .replace(new RegExp(`\\s*<section id="${RECORDED}">[\\s\\S]*?</section>`), '')
  const titled = bare.replace(/<title>[^<]*<\/title>/, () => `<title>${escaped(report.title)}</title>`)
  const start = titled.indexOf('<body')
  const at = start < 0 ? -1 : titled.indexOf('>', start) + 1
  if (at <= 0) throw new Error('a page must have a body')
  return `${titled.slice(0, at)}\n    <section id="${RECORDED}">${readable(report)}</section>\n    ${data}${titled.slice(at)}`
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
