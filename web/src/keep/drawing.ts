// A drawing for paper: rectangles and words on white; as SVG, and as pixels, which look the same.

import { escapeUnseen } from '../notation/visible'

export interface Mark {
  x: number
  y: number // of words: their baseline
  width?: number // of a rectangle
  height?: number
  words?: string
  size?: number // of the letters
  anchor?: 'start' | 'middle' | 'end'
  slant?: boolean // upwards, from where they start
  fill: string
}

export interface Drawing {
  title: string
  width: number
  height: number
  marks: Mark[]
}

const FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
const SLANT = -35 // degrees

const escaped = (text: string) =>
  escapeUnseen(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const short = (number: number) => String(Math.round(100 * number) / 100)

export function svgOf({ title, width, height, marks }: Drawing): string {
  const [wide, high] = [short(width), short(height)]
  const size = `width="${wide}" height="${high}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${wide} ${high}" role="img" font-family="${FONT}">`,
    `<title>${escaped(title)}</title>`,
    `<rect ${size} fill="#ffffff"/>`,
    ...marks.map(elementOf),
    '</svg>\n',
  ].join('\n')
}

function elementOf({ x, y, width, height, words, size, anchor = 'start', slant, fill }: Mark): string {
  const at = `x="${short(x)}" y="${short(y)}"`
  if (words === undefined) return `<rect ${at} width="${short(width!)}" height="${short(height!)}" fill="${fill}"/>`
  const turned = slant ? ` transform="rotate(${SLANT} ${short(x)} ${short(y)})"` : ''
  return `<text ${at} font-size="${size}" text-anchor="${anchor}" fill="${fill}"${turned}>${escaped(words)}</text>`
}

// scale: pixels in each direction for one of the drawing's
export function paint(drawing: Drawing, canvas: HTMLCanvasElement | OffscreenCanvas, scale = 2) {
  canvas.width = Math.ceil(scale * drawing.width)
  canvas.height = Math.ceil(scale * drawing.height)
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.scale(scale, scale)
  context.fillStyle = '#ffffff'
  context.fillRect(0, 0, drawing.width, drawing.height)
  for (const { x, y, width, height, words, size, anchor = 'start', slant, fill } of drawing.marks) {
    context.fillStyle = fill
    if (words === undefined) {
      context.fillRect(x, y, width!, height!)
      continue
    }
    context.save()
    context.font = `${size}px ${FONT}`
    context.textAlign = anchor === 'middle' ? 'center' : anchor
    context.translate(x, y)
    if (slant) context.rotate((SLANT * Math.PI) / 180)
    context.fillText(escapeUnseen(words), 0, 0)
    context.restore()
  }
}

export async function pngOf(drawing: Drawing, scale = 2): Promise<Blob> {
  const canvas = document.createElement('canvas')
  paint(drawing, canvas, scale)
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('this picture is too large for the browser'))), 'image/png'),
  )
}
