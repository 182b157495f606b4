/**
 * The vectors were computed with scikit-uplift 0.5.1 itself, on the arm-vs-none rows of the trial in file
 * order; scores need no model. `womens-mens` and `-recency` are full of ties, so they fix the tie rules.
 */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { UpliftData } from './dataset.ts'
import { UPLIFT_FEATURES } from './features.ts'
import { type HillstromOutcome, readHillstrom } from './hillstrom.ts'
import {
  auucSklift,
  qiniCurve,
  qiniSklift,
  type Ranking,
  rank,
  type TwoArm,
  upliftAtK,
  upliftAtKByGroup,
  weightedAverageUplift,
} from './metrics.ts'

type Vector = readonly [
  arm: number,
  outcome: HillstromOutcome,
  score: string,
  figures: readonly number[],
]

/** qini, auuc, uplift@10, uplift@30, uplift@30 by group, weighted average uplift. */
const VECTORS: readonly Vector[] = [
  [
    2,
    'visit',
    'history',
    [
      0.0026215140678726542, 0.0010476345927874125, 0.05972628825860388, 0.04794238908948567,
      0.04840667362262471, 0.044993238277232235,
    ],
  ],
  [
    2,
    'visit',
    '-recency',
    [
      -0.004519769337937204, -0.0019703900569966043, 0.041587740296501224, 0.04474650182349421,
      0.04449614209664385, 0.04533192768932135,
    ],
  ],
  [
    2,
    'visit',
    'womens-mens',
    [
      0.06510194373056481, 0.029843808076850605, 0.08114168995820474, 0.07406843155076837,
      0.0741360444530982, 0.04502261633618742,
    ],
  ],
  [
    2,
    'visit',
    'row index',
    [
      -0.003295030930578766, -0.0013251923389624013, 0.055817581405031444, 0.04092791089892109,
      0.041195858343501285, 0.04515395574087702,
    ],
  ],
  [
    2,
    'conversion',
    'history',
    [
      0.0021100659871888575, 4.9773456055819e-5, 0.01038929911409792, 0.003447947876539686,
      0.00339722396402984, 0.0030919073372769595,
    ],
  ],
  [
    2,
    'conversion',
    '-recency',
    [
      -0.006427718898027615, -0.0001786953711089062, 0.004098610734922849, 0.0034202587834124363,
      0.0035494261919914658, 0.003124580462317892,
    ],
  ],
  [
    2,
    'conversion',
    'womens-mens',
    [
      0.07690383128816516, 0.0022102615434925485, 0.006618718363272489, 0.006544336183326963,
      0.00653089249181849, 0.0030886009042978596,
    ],
  ],
  [
    2,
    'conversion',
    'row index',
    [
      -0.009113734457181048, -0.0002508926638154286, 0.0012503749587710047, 0.002482541293502636,
      0.0026276772081687515, 0.0031033967159402346,
    ],
  ],
  [
    1,
    'visit',
    'history',
    [
      0.018433401259520112, 0.00957842383880911, 0.09734594967826823, 0.08947898330252632,
      0.08946543941153165, 0.07659402805837029,
    ],
  ],
  [
    1,
    'visit',
    '-recency',
    [
      0.011848925430545868, 0.006381167160808849, 0.08613285604632576, 0.08586186334090062,
      0.08571018302685901, 0.07679535625288038,
    ],
  ],
  [
    1,
    'visit',
    'womens-mens',
    [
      0.0017319052816708227, 0.0006410226487766526, 0.0646670182938678, 0.06808293170549584,
      0.06835204543936844, 0.07639209386865695,
    ],
  ],
  [
    1,
    'visit',
    'row index',
    [
      0.004560836915753437, 0.002110491166635068, 0.08020482854202884, 0.07483709529634469,
      0.07460771356152632, 0.07652192385690998,
    ],
  ],
  [
    1,
    'conversion',
    'history',
    [
      0.06961189189725038, 0.00252670343682444, 0.01438859065045648, 0.01038244022374923,
      0.01032413384826793, 0.00681953308428752,
    ],
  ],
  [
    1,
    'conversion',
    '-recency',
    [
      0.011938563285645116, 0.00045641852654160713, 0.01118200797182103, 0.007620007666860704,
      0.007664412505931273, 0.0068272889247368495,
    ],
  ],
  [
    1,
    'conversion',
    'womens-mens',
    [
      -0.0032917957841255853, -0.00014187771648712172, 0.004292892239481919, 0.006894501054704518,
      0.006882992529583902, 0.0067706491636675085,
    ],
  ],
  [
    1,
    'conversion',
    'row index',
    [
      0.031483739763785226, 0.0011150729510330806, 0.003949824058099387, 0.006341576139574062,
      0.006413386589284172, 0.006814094322661686,
    ],
  ],
]

const FILE = readFileSync(
  new URL('../../../examples/models/data/hillstrom.csv.gz', import.meta.url),
)

function figures(ranking: Ranking): readonly number[] {
  return [
    qiniSklift(ranking),
    auucSklift(ranking),
    upliftAtK(ranking, 0.1),
    upliftAtK(ranking, 0.3),
    upliftAtKByGroup(ranking, 0.3),
    weightedAverageUplift(ranking),
  ]
}

function rankTrial(data: UpliftData, arm: number, score: string): Ranking {
  const rows = Uint32Array.from({ length: data.count }, (_, row) => row).filter(
    (row) => data.arm[row] === arm || data.arm[row] === 0,
  )
  const feature = (row: number, name: string): number =>
    data.features[row * UPLIFT_FEATURES.length + UPLIFT_FEATURES.indexOf(name)] as number
  const scores: Record<string, (row: number, index: number) => number> = {
    // The logarithm keeps the order and the ties of the amount itself.
    history: (row) => feature(row, 'log_history'),
    '-recency': (row) => -feature(row, 'recency_months'),
    'womens-mens': (row) => feature(row, 'bought_womens') - feature(row, 'bought_mens'),
    'row index': (_, index) => index,
  }
  return rank(
    {
      treated: Uint8Array.from(rows, (row) => (data.arm[row] === arm ? 1 : 0)),
      outcome: Uint8Array.from(rows, (row) => data.outcome[row] as number),
    },
    Float64Array.from(rows, scores[score] as (row: number, index: number) => number),
  )
}

const TOY: TwoArm = {
  outcome: Uint8Array.of(1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0),
  treated: Uint8Array.of(1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0),
}
const TOY_SCORE = Float64Array.of(0.9, 0.8, 0.7, 0.65, 0.6, 0.5, 0.45, 0.4, 0.3, 0.2, 0.15, 0.1)

describe('reference vectors', () => {
  const trials = {
    visit: readHillstrom(FILE, 'visit'),
    conversion: readHillstrom(FILE, 'conversion'),
  }
  test.each(VECTORS)(
    '[MOD-2] arm %i, %s, %s equals scikit-uplift to 1e-9',
    (arm, outcome, score, wanted) => {
      const got = figures(rankTrial(trials[outcome], arm, score))
      for (const [i, value] of wanted.entries())
        expect(Math.abs((got[i] as number) - value)).toBeLessThan(1e-9)
    },
  )

  test('[MOD-2] the toy of twelve rows: coefficients and every point of the Qini curve', () => {
    const ranking = rank(TOY, TOY_SCORE)
    expect(qiniSklift(ranking)).toBeCloseTo(-0.10921985815602836, 12)
    expect(auucSklift(ranking)).toBeCloseTo(-0.22577777777777777, 12)
    expect(upliftAtK(ranking, 0.5)).toBe(0)
    const curve = qiniCurve(ranking)
    expect(curve.map((p) => p.x)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const heights = [0, 1, 1, 2, -1, 0.5, 0, -2 / 3, 0, -0.5, 0, 0.6, 1]
    for (const [i, y] of heights.entries()) expect(curve[i]?.y).toBeCloseTo(y, 12)
  })

  test("[MOD-2] the library's own toys", () => {
    const score = Float64Array.of(0.1, 0.3)
    const first = rank({ outcome: Uint8Array.of(0, 1), treated: Uint8Array.of(1, 0) }, score)
    expect([auucSklift(first), qiniSklift(first)]).toEqual([0, 1])
    const second = rank({ outcome: Uint8Array.of(1, 0), treated: Uint8Array.of(0, 1) }, score)
    expect([auucSklift(second), qiniSklift(second)]).toEqual([1, 1])
  })
})

/** Trials with every cell filled, so that no ratio is 0/0. */
const someTrial = fc
  .array(
    fc.record({
      treated: fc.integer({ min: 0, max: 1 }),
      outcome: fc.integer({ min: 0, max: 1 }),
      score: fc.integer({ min: -3, max: 3 }),
    }),
    { minLength: 4, maxLength: 60 },
  )
  .map((rows) => [
    { treated: 0, outcome: 0, score: 0 },
    { treated: 0, outcome: 1, score: 1 },
    { treated: 1, outcome: 0, score: 2 },
    { treated: 1, outcome: 1, score: -1 },
    ...rows,
  ])

type Row = { readonly treated: number; readonly outcome: number; readonly score: number }

const rankRows = (rows: readonly Row[], score = (row: Row): number => row.score): Ranking =>
  rank(
    {
      treated: Uint8Array.from(rows, (row) => row.treated),
      outcome: Uint8Array.from(rows, (row) => row.outcome),
    },
    Float64Array.from(rows, score),
  )

describe('properties', () => {
  test('[M3] a weight of k equals the row written k times', () => {
    fc.assert(
      fc.property(someTrial, fc.infiniteStream(fc.integer({ min: 1, max: 3 })), (rows, stream) => {
        const weights = rows.map(() => stream.next().value as number)
        const written = rows.flatMap((row, i) =>
          Array.from({ length: weights[i] as number }, () => row),
        )
        const weighted = rankRows(rows)
        const w = Float64Array.from(weights)
        expect(qiniSklift(weighted, w)).toBeCloseTo(qiniSklift(rankRows(written)), 9)
        expect(auucSklift(weighted, w)).toBeCloseTo(auucSklift(rankRows(written)), 9)
      }),
      { numRuns: 100 },
    )
  })

  test('[M1] only the order of the scores matters', () => {
    fc.assert(
      fc.property(someTrial, (rows) => {
        const plain = figures(rankRows(rows))
        expect(figures(rankRows(rows, (row) => Math.exp(row.score) * 7 - 2))).toEqual(plain)
      }),
      { numRuns: 100 },
    )
  })

  test('[M2] the order of the rows does not matter to the coefficients, ties included', () => {
    fc.assert(
      fc.property(someTrial, (rows) => {
        const turned = rankRows(rows.toReversed())
        expect(qiniSklift(turned)).toBeCloseTo(qiniSklift(rankRows(rows)), 9)
        expect(auucSklift(turned)).toBeCloseTo(auucSklift(rankRows(rows)), 9)
      }),
      { numRuns: 100 },
    )
  })

  test('[MOD-2] a perfect score has a Qini of 1 and none has more', () => {
    fc.assert(
      fc.property(someTrial, (rows) => {
        const perfect = rankRows(rows, (row) => row.outcome * (2 * row.treated - 1))
        expect(qiniSklift(perfect)).toBeCloseTo(1, 9)
        expect(qiniSklift(rankRows(rows))).toBeLessThanOrEqual(1 + 1e-9)
      }),
      { numRuns: 100 },
    )
  })
})
