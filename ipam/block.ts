/**
 * Blocks of addresses: aligned powers of two, as in a buddy allocator (Knowlton, CACM 1965). A
 * block's text form is its CIDR; arithmetic is on bigint, so IPv4 and IPv6 are one case.
 */
import { type Cidr, cidrRange, type Family, numberToIp } from "../base/address.ts";

/** An aligned power of two of addresses. */
export type Block = {
  readonly family: Family;
  readonly first: bigint;
  /** A power of two that divides `first`. */
  readonly size: bigint;
};

/** Smallest block that is handed over, but for a single address that somebody asks for by name. */
export const smallestBlock = 16n;

/** The block of a text form. */
export function blockOf(cidr: Cidr): Block {
  const { family, first, size } = cidrRange(cidr);
  return { family, first, size };
}

/** The text form of a block. */
export function cidrOfBlock({ family, first, size }: Block): Cidr {
  const prefix = (family === 4 ? 32 : 128) - (size.toString(2).length - 1);
  return `${numberToIp(first, family)}/${prefix}` as Cidr;
}

/** Both halves, the lower first. */
export function halves({ family, first, size }: Block): readonly [Block, Block] {
  const half = size / 2n;
  return [
    { family, first, size: half },
    { family, first: first + half, size: half },
  ];
}

/** Whether all of one is in the other. */
export function contains(outer: Block, inner: Block): boolean {
  return (
    outer.family === inner.family &&
    outer.first <= inner.first &&
    inner.first + inner.size <= outer.first + outer.size
  );
}

/** Whether any address is in both. Of aligned blocks, one then contains the other. */
export function overlaps(a: Block, b: Block): boolean {
  return a.family === b.family && a.first < b.first + b.size && b.first < a.first + a.size;
}

/** Whether the address, of the same family, is in it. */
export function holds(block: Block, address: bigint): boolean {
  return block.first <= address && address < block.first + block.size;
}

/** By place, IPv4 first, and the larger where two begin together. */
export function compareBlocks(a: Block, b: Block): number {
  if (a.family !== b.family) return a.family - b.family;
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

/** The smallest power of two that is at least this. */
export function powerOfTwo(atLeast: bigint): bigint {
  let power = 1n;
  while (power < atLeast) power *= 2n;
  return power;
}
