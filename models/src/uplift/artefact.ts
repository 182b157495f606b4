/**
 * The artefact of kind `uplift`: what it holds, how its weights are laid out, and when it is refused.
 *
 * The network is an ensemble. Each member has a shared trunk and one head an arm (the control included):
 *
 *   z       = (clamp(x, range) - mean) / sd                       [inputs]
 *   t       = relu(z T + tb)                                      [trunk]
 *   logit_a = relu(t H_a + hb_a) . o_a + ob_a                     for each arm a
 *   P_a     = 1 / (1 + exp(-logit_a))
 *
 * Weights are one run of little-endian Float32, member after member, in the order T (inputs x trunk,
 * row-major), tb, then for each arm H_a (trunk x head, row-major), hb_a, o_a, ob_a.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { assert } from '#engine'
import {
  artefactBytes,
  type JsonObject,
  type ModelRefusal,
  openArtefact,
  refuse,
  sealArtefact,
} from '../artefact.ts'
import { INTERVENTIONS } from '../vocabulary.ts'
import { isKnownFeature } from './features.ts'

const closed = { additionalProperties: false }
const name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[a-z0-9][a-z0-9_.-]*$' })
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const size = Type.Integer({ minimum: 1, maximum: 1024 })
const numbers = Type.Array(Type.Number(), { minItems: 1, maxItems: 1024 })

const NetworkShape = Type.Object(
  {
    inputs: size,
    trunk: size,
    head: size,
    arms: Type.Integer({ minimum: 2, maximum: 16 }),
    /** At least two, or there is no spread to take an uncertainty from. */
    members: Type.Integer({ minimum: 2, maximum: 64 }),
  },
  closed,
)

const ArmSchema = Type.Object(
  {
    id: name,
    label: Type.String({ minLength: 1, maxLength: 200 }),
    intervention: Type.Enum([...INTERVENTIONS]),
    interventionType: Type.Enum(['psychological', 'economic', 'informational', 'none']),
  },
  closed,
)

const ScoreRow = Type.Object(
  {
    scorer: Type.String(),
    arm: name,
    qini_sklift: Type.Number(),
    qini_sklift_se: Type.Number(),
    /** The model's Qini minus this scorer's on the same rows, with the paired standard error. */
    model_minus: Type.Number(),
    model_minus_se: Type.Number(),
    uplift_at_30: Type.Number(),
  },
  closed,
)

const PolicyRow = Type.Object(
  {
    policy: Type.String(),
    ips: Type.Number(),
    snips: Type.Number(),
    dr: Type.Number(),
    dr_se: Type.Number(),
  },
  closed,
)

const Metrics = Type.Object(
  {
    protocol: Type.String(),
    rows: Type.Integer({ minimum: 1 }),
    log_loss: Type.Number(),
    log_loss_t_logistic: Type.Number(),
    log_loss_base_rate: Type.Number(),
    uplift: Type.Array(ScoreRow, { maxItems: 200 }),
    policies: Type.Array(PolicyRow, { maxItems: 200 }),
  },
  closed,
)

const UpliftArtefactSchema = Type.Object(
  {
    type: Type.String(),
    format: Type.Integer(),
    kind: Type.Literal('uplift'),
    id: name,
    version: sha256,
    createdAt: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z$' }),
    outcome: name,
    about: Type.Object({ is: Type.String(), isNot: Type.String() }, closed),
    features: Type.Array(name, { minItems: 1, maxItems: 1024 }),
    arms: Type.Array(ArmSchema, { minItems: 2, maxItems: 16 }),
    standardisation: Type.Object(
      { mean: numbers, sd: numbers, least: numbers, most: numbers },
      closed,
    ),
    network: NetworkShape,
    weights: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$' }),
    data: Type.Object({ sha256, rows: Type.Integer({ minimum: 1 }) }, closed),
    training: Type.Object(
      {
        seed: Type.Integer(),
        epochs: Type.Integer(),
        batchRows: Type.Integer(),
        learningRate: Type.Number(),
        l2: Type.Number(),
        backend: Type.String(),
      },
      closed,
    ),
    /** null: the model was not evaluated, and says so. */
    metrics: Type.Union([Metrics, Type.Null()]),
  },
  closed,
)

export type UpliftArtefact = Static<typeof UpliftArtefactSchema>
export type UpliftMetrics = Static<typeof Metrics>
export type UpliftScoreRow = Static<typeof ScoreRow>
export type UpliftPolicyRow = Static<typeof PolicyRow>
export type UpliftNetworkShape = Static<typeof NetworkShape>
export type Standardisation = UpliftArtefact['standardisation']
/** The part of an artefact that computes. */
export type UpliftNetwork = Pick<UpliftArtefact, 'network' | 'standardisation' | 'weights'>

export type ReadUplift = { readonly ok: true; readonly artefact: UpliftArtefact } | ModelRefusal

/** Reads and checks an artefact of kind `uplift`. Never throws on bad bytes. */
export function readArtefact(bytes: Uint8Array): ReadUplift {
  const opened = openArtefact(bytes, 'uplift')
  if (!opened.ok) return opened
  const content: unknown = opened.content
  if (!Value.Check(UpliftArtefactSchema, content)) {
    const first = Value.Errors(UpliftArtefactSchema, content)[0]
    return refuse('model_schema', `${first?.instancePath || '/'}: ${first?.message ?? 'wrong'}`)
  }
  return contradiction(content) ?? { ok: true, artefact: content }
}

/** What a schema cannot say: lengths that agree, numbers that can be computed with. */
function contradiction(artefact: UpliftArtefact): ModelRefusal | undefined {
  const { network, standardisation, arms, features } = artefact
  for (const feature of features)
    if (!isKnownFeature(feature)) return refuse('model_feature_unknown', `feature ${feature}`)
  if (features.length !== network.inputs)
    return refuse('model_schema', '/features: not as many as inputs')
  if (new Set(features).size !== features.length)
    return refuse('model_schema', '/features: repeated')
  if (arms.length !== network.arms) return refuse('model_schema', '/arms: not as many as heads')
  if (new Set(arms.map((a) => a.id)).size !== arms.length)
    return refuse('model_schema', '/arms: repeated')
  if (arms[0]?.intervention !== 'none') return refuse('model_schema', '/arms/0: not the control')
  for (const [field, values] of Object.entries(standardisation))
    if (values.length !== network.inputs)
      return refuse('model_schema', `/standardisation/${field}: not as many as inputs`)
  if (standardisation.sd.some((sd) => !(sd > 0)))
    return refuse('model_schema', '/standardisation/sd: not positive')
  const raw = Buffer.from(artefact.weights, 'base64')
  if (raw.length !== weightCount(network) * 4)
    return refuse(
      'model_schema',
      `/weights: ${raw.length} bytes, wanted ${weightCount(network) * 4}`,
    )
  if (decodeWeights(artefact).some((w) => !Number.isFinite(w)))
    return refuse('model_not_finite', '/weights')
  return undefined
}

/** Weights of one ensemble member. */
export function memberWeightCount(shape: UpliftNetworkShape): number {
  const perHead = shape.trunk * shape.head + shape.head + shape.head + 1
  return shape.inputs * shape.trunk + shape.trunk + shape.arms * perHead
}

/** Weights of the whole ensemble. */
export function weightCount(shape: UpliftNetworkShape): number {
  return memberWeightCount(shape) * shape.members
}

/** The weights as numbers, in the layout of the header. */
export function decodeWeights(artefact: Pick<UpliftArtefact, 'weights'>): Float32Array {
  const raw = Buffer.from(artefact.weights, 'base64')
  return Float32Array.from({ length: raw.length >> 2 }, (_, i) => raw.readFloatLE(i * 4))
}

export function encodeWeights(weights: Float32Array): string {
  const raw = Buffer.alloc(weights.length * 4)
  for (let i = 0; i < weights.length; i++) raw.writeFloatLE(weights[i] as number, i * 4)
  return raw.toString('base64')
}

/** Fills in type, format and version (the content hash). */
export function sealUplift(
  content: Omit<UpliftArtefact, 'type' | 'format' | 'version'>,
): UpliftArtefact {
  const sealed: unknown = sealArtefact(content as unknown as JsonObject)
  assert(Value.Check(UpliftArtefactSchema, sealed), 'a sealed artefact follows its schema')
  return sealed
}

/** The file of an artefact. */
export function writeArtefact(artefact: UpliftArtefact): Uint8Array {
  return artefactBytes(artefact as unknown as JsonObject)
}
