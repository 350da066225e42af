// Python that trains the same run.

import type { Experiment } from '../config/experiment'
import { numberText, repr } from '../notation/values'
import { isReal, modelFields, type Plain, trainingFields } from './plain'

export function pythonCode({ task, corpus, model, training, seed }: Experiment): string {
  const first = corpus.start === null ? 0 : 1
  const text = corpus.sentences.map((words) => words.slice(first).join(' ')).join('\n')
  const own = `hl.Corpus.from_text(${repr(text)}, start=${repr(corpus.start)}, wrap=${repr(corpus.wrap)})`
  const fields = Object.entries(modelFields(model)).map(([name, value]) => `${name}=${written(value, name)}`)
  const explains = corpus.dependencies(model).some(({ resolvable }) => resolvable)
  return [
    'import headlab as hl\n',
    `data = ${task ? `hl.tasks[${repr(task)}].dataset` : own}`,
    `model = hl.ModelConfig(${fields.join(', ')})`,
    `training = hl.TrainConfig.from_dict(${written(trainingFields(training))})`,
    `run = hl.train(data, model, training, seeds=${seed})[0]`,
    `print(${explains ? 'run.explain()' : 'run'})\n`,
  ].join('\n')
}

// As Python writes it; name: of the field that it is the value of
function written(value: Plain, name = ''): string {
  if (typeof value === 'number') return numberText(value, isReal(name))
  if (Array.isArray(value)) return `[${value.map((item) => written(item)).join(', ')}]`
  if (typeof value !== 'object' || value === null) return repr(value)
  return `{${Object.entries(value)
    .map(([key, item]) => `${repr(key)}: ${written(item, key)}`)
    .join(', ')}}`
}
