/**
 * The safety rules of the engine, each with one way to break it: an exact edit of the sources. Whoever
 * changes an edited line changes the edit with it: one that does not fit is an error, not a survivor.
 */
export interface Edit {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  readonly name: string
  /** The rule that it breaks, by id. */
  readonly rule: string
  readonly edits: readonly Edit[]
  /** Tests beside the simulation that are asked as well, as vitest paths. */
  readonly tests: readonly string[]
}

const BROKER = 'engine/src/log/simulated/broker'
const RUNTIME = 'engine/src/runtime'
const LOGS = ['engine/src/log/simulated', 'engine/src/log/conformance.test.ts']

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'offset committed without + 1',
    rule: 'L1',
    edits: [
      {
        file: `${RUNTIME}/epochs.ts`,
        find: 'return { ...at, offset, metadata:',
        replace: 'return { ...at, offset: Math.max(0, offset - 1), metadata:',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'state shown before the commit',
    rule: 'K3',
    edits: [
      {
        file: `${RUNTIME}/epochs.ts`,
        find: '      await commitPatiently(epoch.tx)',
        replace:
          '      for (const running of epoch.moves.keys()) running.task.promote()\n      await commitPatiently(epoch.tx)',
      },
      {
        file: `${RUNTIME}/epochs.ts`,
        find: '      running.task.promote()\n      //',
        replace: '      //',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'fencing ignored by the member',
    rule: 'L3',
    edits: [
      {
        file: 'engine/src/log/local/member.ts',
        find: 'if (this.#ended !== undefined)\n      throw',
        replace: "if (this.#ended !== undefined && this.#ended !== 'log_fenced')\n      throw",
      },
    ],
    tests: LOGS,
  },
  {
    name: 'fencing ignored by the transaction coordinator',
    rule: 'SB2',
    edits: [
      {
        file: `${BROKER}/transactions.ts`,
        find: 'if (producer?.epoch === session.epoch) return producer',
        replace: 'if (producer !== undefined) return producer',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'positions sent without a member id',
    rule: 'SB8',
    edits: [
      {
        file: `${BROKER}/producer.ts`,
        find: 'if (identity.generation < 0)',
        replace: 'if (identity.generation < -1)',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'commit on lost: claim check off, log in one piece',
    rule: 'L3',
    edits: [
      {
        file: 'engine/src/log/local/epoch.ts',
        find: 'if (claim === undefined || claim !== this.#member.claimOf(position))',
        replace: 'if (claim === null)',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'commit on lost: claim check off, brokers',
    rule: 'L3',
    edits: [
      {
        file: `${BROKER}/epoch.ts`,
        find: 'if (claim === undefined || claim !== this.#member.claimOf(position))',
        replace: 'if (claim === null)',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'timer dropped in restore',
    rule: 'K6',
    edits: [
      {
        file: 'engine/src/state/keyed-state.ts',
        find: '    this.#committed.apply(changes, (key, due) => {\n      this.#due.arm(key, due)\n    })',
        replace: '    this.#committed.apply(changes, () => {})',
      },
    ],
    tests: ['engine/src/state'],
  },
  {
    name: 'epoch record skipped',
    rule: 'R2',
    edits: [
      {
        file: `${RUNTIME}/epochs.ts`,
        find: 'changesToRecords(changes, this.#scratch)',
        replace: "changesToRecords(changes.filter(({ slot }) => slot !== '~task'), this.#scratch)",
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'epoch record not compared with the position',
    rule: 'R2',
    edits: [
      {
        file: `${RUNTIME}/restore.ts`,
        find: 'const complete = (restored?.epoch ?? 0) === epoch',
        replace: 'const complete = epoch >= 0',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: "mark taken before the source's end",
    rule: 'C5',
    edits: [
      {
        file: `${RUNTIME}/worker.ts`,
        find: 'gone || running.reached < (bounds[i]?.end ?? 0)',
        replace: 'gone',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'checkpoint offset not proven by a commit',
    rule: 'R7',
    edits: [
      {
        file: `${RUNTIME}/checkpoints.ts`,
        find: 'changelogOffset: covered,',
        replace: 'changelogOffset: Math.max(covered, running.seen),',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'checkpoint offset looked up when it is written',
    rule: 'R7',
    edits: [
      {
        file: `${RUNTIME}/checkpoints.ts`,
        find: '    const { epoch } = task.committed\n',
        replace:
          '    const now = await changelogEnd(task, this.#options)\n    const { epoch } = task.committed\n',
      },
      {
        file: `${RUNTIME}/checkpoints.ts`,
        find: 'changelogOffset: covered,',
        replace: 'changelogOffset: Math.max(covered, now),',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'checkpoint used although deletions behind it were compacted away',
    rule: 'R7',
    edits: [
      {
        file: `${RUNTIME}/restore.ts`,
        find: 'stored !== undefined && stored.changelogOffset < cleanedTo',
        replace: 'stored !== undefined && stored.changelogOffset < 0',
      },
    ],
    tests: ['engine/src/testing/simulation.test.ts'],
  },
  {
    name: 'nothing polled again after an abort',
    rule: 'R9',
    edits: [
      {
        file: `${RUNTIME}/epochs.ts`,
        find: 'if (!unknown && this.#host.owns(running)) epoch.member.seek',
        replace: 'if (unknown && this.#host.owns(running)) epoch.member.seek',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'overlapping epoch committed though the one before failed',
    rule: 'L6',
    edits: [
      {
        file: 'engine/src/log/local/epoch.ts',
        find: 'if (this.#before?.aborted === true)',
        replace: 'if (this.#before === null)',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'partition given back with its epoch still running',
    rule: 'R5',
    edits: [
      {
        file: `${RUNTIME}/ownership.ts`,
        find: '    await this.#host.betweenEpochs()\n',
        replace: '',
      },
    ],
    tests: [RUNTIME],
  },
  {
    name: 'commit without an answer taken for one that failed',
    rule: 'L4',
    edits: [
      {
        file: `${BROKER}/producer.ts`,
        find: "new OpportuneError('log_commit_unknown', 'Nobody",
        replace: "new OpportuneError('log_abortable', 'Nobody",
      },
    ],
    tests: LOGS,
  },
  {
    name: 'positions read while a transaction may still move them',
    rule: 'SB5',
    edits: [
      {
        file: `${BROKER}/member.ts`,
        find: 'if (!waits || !wire.alive || this.#stopped) return',
        replace: 'return',
      },
    ],
    tests: LOGS,
  },
  {
    name: 'producer goes on after a request without an answer',
    rule: 'SB2',
    edits: [
      {
        file: `${BROKER}/producer.ts`,
        find: 'if (error instanceof Unanswered) this.#doubtful = true\n      if',
        replace: 'if',
      },
    ],
    tests: LOGS,
  },
]
