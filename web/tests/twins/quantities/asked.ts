import { problemOf, recipeOf } from '../../../src/config/experiment'
import type { Phase } from '../../../src/kernel/asked'
import type { Twins } from '../twin'

export const of = 'problem'

export function said({ experiment, moments }: Twins) {
  const { model, corpus } = experiment
  const { d_vocab, n_ctx, d_model, d_head, n_layers, n_heads, ...options } = problemOf(experiment).shape
  return {
    shape: { d_vocab, n_ctx, d_model, d_head, n_layers, n_heads, ...options },
    ...{ tokens: corpus.tokens, targets: corpus.targets, scale: model.init_scale },
    phases: recipeOf(experiment).phases.map(inOrder),
    moments,
  }
}

const inOrder = ({ steps, loss, optimizer, learning_rate, momentum, nesterov, rho, centered, ...rest }: Phase) => {
  const { beta_1, beta_2, epsilon, weight_decay, sets_rate, plateau, plateau_goes_on, freeze } = rest
  const force = { loss, optimizer, learning_rate, momentum, nesterov, rho, centered, beta_1, beta_2, epsilon, weight_decay }
  return { steps, ...force, sets_rate, plateau: plateau && plateauInOrder(plateau), plateau_goes_on, freeze: freeze ?? [] }
}

const plateauInOrder = ({ factor, patience, min_rate, min_delta, cooldown }: NonNullable<Phase['plateau']>) => ({
  ...{ factor, patience, min_rate, min_delta, cooldown },
})
