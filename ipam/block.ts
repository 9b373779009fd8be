/**
 * Blocks of addresses: aligned powers of two, as in a buddy allocator (Knowlton, CACM 1965). A
 * block's text form is its CIDR; arithmetic is on bigint, so IPv4 and IPv6 are one case.
 */
import { type Cidr, cidrRange, type Family, numberToIp } from "../base/address.ts";

export type Block = {
  readonly family: Family;
  readonly first: bigint;
  /** A power of two that divides `first`. */
  readonly size: bigint;
};

/** Smallest block that is handed over, but for a single address that somebody asks for by name. */
export const smallestBlock = 16n;

export function blockOf(cidr: Cidr): Block {
  const { family, first, size } = cidrRange(cidr);
  return { family, first, size };
}

export function cidrOfBlock({ family, first, size }: Block): Cidr {
  const prefix = (family === 4 ? 32 : 128) - (size.toString(2).length - 1);
  return `${numberToIp(first, family)}/${prefix}` as Cidr;
}

export function halves({ family, first, size }: Block): readonly [Block, Block] {
  const half = size / 2n;
  return [
    { family, first, size: half },
    { family, first: first + half, size: half },
  ];
}

export function contains(outer: Block, inner: Block): boolean {
  return (
    outer.family === inner.family &&
    outer.first <= inner.first &&
    inner.first + inner.size <= outer.first + outer.size
  );
}

export function overlaps(a: Block, b: Block): boolean {
  return a.family === b.family && a.first < b.first + b.size && b.first < a.first + a.size;
}

export function holds(block: Block, address: bigint): boolean {
  return block.first <= address && address < block.first + block.size;
}

/** By place, larger first where two begin together. */
export function compareBlocks(a: Block, b: Block): number {
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  if (a.size !== b.size) return a.size > b.size ? -1 : 1;
  return 0;
}

/** What is left of a block without these parts of it, as few blocks as possible. */
export function without(block: Block, parts: readonly Block[]): Block[] {
  const inside = parts.filter((part) => overlaps(block, part));
  if (inside.length === 0) return [block];
  if (inside.some((part) => contains(part, block))) return [];
  return halves(block).flatMap((half) => without(half, inside));
}

/**
 * The largest part of a block that holds none of these addresses, the last of equals; undefined of
 * a full block.
 */
export function largestFree(block: Block, used: readonly bigint[]): Block | undefined {
  const inside = used.filter((address) => holds(block, address));
  if (inside.length === 0) return block;
  if (block.size === 1n) return undefined;
  const [low, high] = halves(block);
  const [left, right] = [largestFree(low, inside), largestFree(high, inside)];
  if (left === undefined) return right;
  return right === undefined || left.size > right.size ? left : right;
}

/** The smallest power of two that is at least this. */
export function powerOfTwo(atLeast: bigint): bigint {
  let power = 1n;
  while (power < atLeast) power *= 2n;
  return power;
}
