/** Runs that failed once, each with its cause: they are run for ever. */
import type { FaultName } from "./options.ts";

export type KeptSeed = {
  readonly seed: number;
  readonly hosts: number;
  readonly faults: readonly FaultName[];
  /** What it found. */
  readonly cause: string;
};

export const keptSeeds: readonly KeptSeed[] = [
  {
    seed: 7,
    hosts: 3,
    faults: ["breaks", "clock", "crash", "kernel", "partition", "pause", "power", "slow"],
    cause: "after a power cut the ways to what our disk had lost were taken out of the kernel",
  },
  {
    seed: 8,
    hosts: 6,
    faults: ["delay", "duplication", "loss", "one-way", "power", "reordering"],
    cause: "the same, with a peer that had yet to be asked",
  },
  {
    seed: 59,
    hosts: 6,
    faults: ["clock", "crash", "delay", "one-way", "partition", "pause", "reordering", "replay"],
    cause: "an address did not rest whose release was the first its network heard of",
  },
  {
    seed: 20,
    hosts: 5,
    faults: ["crash", "disk", "loss", "partition", "power"],
    cause: "rows of a refused write stayed on disk, and the next start gave up what was promised",
  },
  {
    seed: 63,
    hosts: 5,
    faults: ["crash", "disk", "loss", "partition", "power"],
    cause: "the same, and an address was given twice",
  },
  {
    seed: 1407,
    hosts: 8,
    faults: ["disk", "hostile", "kernel", "loss", "one-way", "power"],
    cause: "records that came with a head which proves those held already went to disk unproven",
  },
  {
    seed: 2,
    hosts: 6,
    faults: [
      "delay",
      "join",
      "kernel",
      "loss",
      "partition",
      "pause",
      "power",
      "reordering",
      "zombie",
    ],
    cause: "a host's newest records were not asked for while its older ones came from another",
  },
  {
    seed: 64,
    hosts: 6,
    faults: ["crash", "disk", "hostile", "join", "kernel", "leave", "pause", "replay", "slow"],
    cause: "a host that had lost the record of itself never stood on its own rings again",
  },
  {
    seed: 1205,
    hosts: 8,
    faults: ["breaks", "crash", "hostile", "join", "kernel", "loss", "pause", "power"],
    cause: "the simulated kernel kept entries of a tunnel that was gone, and showed them later",
  },
  {
    seed: 46,
    hosts: 3,
    faults: ["rollback"],
    cause: "a disk from a backup looks whole, and ports it did not know were taken away",
  },
  {
    seed: 6,
    hosts: 4,
    faults: ["rollback"],
    cause: "of several peers the first to answer was believed, and it was behind",
  },
  {
    seed: 24,
    hosts: 7,
    faults: ["rollback"],
    cause: "a delta led back in seq on an origin's new way, and was refused for ever",
  },
  {
    seed: 3,
    hosts: 5,
    faults: ["rollback"],
    cause: "an endpoint that an older disk told of was made again before anybody was asked",
  },
  {
    seed: 31,
    hosts: 5,
    faults: ["rollback"],
    cause: "a backup from before a host knew anybody let it go on alone at once",
  },
  {
    seed: 14,
    hosts: 6,
    faults: ["wipe", "crash", "partition", "loss", "disk"],
    cause: "the check took rows written again for a deletion",
  },
  {
    seed: 274,
    hosts: 5,
    faults: [
      "breaks",
      "clock",
      "crash",
      "duplication",
      "forget",
      "join",
      "kernel",
      "loss",
      "one-way",
      "partition",
      "pause",
      "reordering",
      "rollback",
      "slow",
      "zombie",
    ],
    cause: "the check did not know that a lost bequest leaves its block contested",
  },
  {
    seed: 10385,
    hosts: 3,
    faults: [
      "delay",
      "join",
      "kernel",
      "loss",
      "one-way",
      "partition",
      "rollback",
      "wipe",
      "zombie",
    ],
    cause: "an address was handed out again while peers were still asked who has it",
  },
  {
    seed: 248,
    hosts: 5,
    faults: [
      "breaks",
      "crash",
      "disk",
      "forget",
      "join",
      "newer",
      "one-way",
      "partition",
      "pause",
      "reordering",
      "replay",
      "slow",
    ],
    cause: "the check did not know that a host which learns it was forgotten empties its kernel",
  },
  {
    seed: 10664,
    hosts: 2,
    faults: [
      "clock",
      "crash",
      "delay",
      "disk",
      "duplication",
      "hostile",
      "kernel",
      "one-way",
      "partition",
      "replay",
      "rollback",
      "slow",
    ],
    cause: "two runs from one disk, with the clock set back and nobody to ask, wrote in one epoch",
  },
];
