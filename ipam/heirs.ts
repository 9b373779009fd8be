/**
 * Who gets what a host leaves behind: everybody about the same, in few pieces. The one host that
 * hands it on decides (the leaving host itself, or who settles a retired one), so that any rule is
 * a safe one; this one depends on nothing but its arguments.
 */
import type { HostId, NetworkId } from "../base/id.ts";
import { type Block, cidrOfBlock, compareBlocks, halves, smallestBlock } from "./block.ts";
import type { Grant, Holding } from "./grant.ts";

/** What is handed on, in whose name, and to whom. */
export type Estate = {
  readonly network: NetworkId;
  /** All of one host. */
  readonly holdings: readonly Holding[];
  /** Who writes it, where that is not the owner. */
  readonly by: HostId | undefined;
  readonly heirs: readonly HostId[];
  /** The grants' name. */
  readonly request: string;
};

type Piece = { readonly holding: Holding; readonly block: Block };

/**
 * Grants that hand on each holding whole: large ones are halved until no piece is more than an even
 * share, and then each, the largest first, goes to who has got least. None without an heir.
 */
export function handOn({ network, holdings, by, heirs, request }: Estate): Grant[] {
  if (heirs.length === 0) return [];
  const got = new Map([...heirs].sort().map((heir) => [heir, { 4: 0n, 6: 0n }]));
  return piecesOf(holdings, BigInt(got.size)).map(({ holding, block }) => {
    const { family, size } = block;
    const [to, share] = [...got].reduce((least, next) =>
      next[1][family] < least[1][family] ? next : least,
    );
    share[family] += size;
    return {
      network,
      block: cidrOfBlock(block),
      generation: holding.generation + 1,
      from: holding.owner,
      to,
      ...(by !== undefined && { by }),
      request,
    };
  });
}

function piecesOf(holdings: readonly Holding[], heirs: bigint): Piece[] {
  const pieces = ([4, 6] as const).flatMap((family) => {
    const own = holdings.filter(({ block }) => block.family === family);
    const total = own.reduce((sum, { block }) => sum + block.size, 0n);
    return own.flatMap((holding) =>
      cutTo(holding.block, total / heirs).map((block) => ({ holding, block })),
    );
  });
  return pieces.toSorted((a, b) => {
    if (a.block.size !== b.block.size) return a.block.size > b.block.size ? -1 : 1;
    return compareBlocks(a.block, b.block);
  });
}

/** Pieces of at most this size, but never smaller than the smallest block. */
function cutTo(block: Block, most: bigint): Block[] {
  if (block.size <= most || block.size <= smallestBlock) return [block];
  return halves(block).flatMap((half) => cutTo(half, most));
}
