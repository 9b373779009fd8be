/**
 * Who gets what a host leaves behind: everybody about the same, in few pieces. The one host that
 * hands it on decides (the leaving host itself, or who settles a retired one), so that any rule is
 * a safe one; this one depends on nothing but its arguments.
 */
import { familyOf, type Ip, ipToNumber } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import {
  type Block,
  cidrOfBlock,
  compareBlocks,
  contains,
  halves,
  smallestBlock,
  without,
} from "./block.ts";
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
  /** Addresses that endpoints of others have, though the owner is not known to have given them. */
  readonly inUse: readonly Used[];
};

/** An address, and on whose host its endpoint is. */
export type Used = { readonly ip: Ip; readonly host: HostId };

type Piece = { readonly holding: Holding; readonly block: Block };

/**
 * Grants that hand on each holding whole: large ones are halved until no piece is more than an even
 * share, and then each, the largest first, goes to who has got least. An address in use goes to
 * whoever uses it. None without an heir.
 */
export function handOn(estate: Estate): Grant[] {
  const { holdings, heirs } = estate;
  if (heirs.length === 0) return [];
  const got = new Map([...heirs].sort().map((heir) => [heir, { 4: 0n, 6: 0n }]));
  const used = holdings.flatMap((holding) => usedIn(holding, estate.inUse));
  const blocks = used.map(({ block }) => block);
  const free = holdings.flatMap((holding) => {
    return without(holding.block, blocks).map((block) => ({ ...holding, block }));
  });
  const shared = piecesOf(free, BigInt(got.size)).map((piece) => {
    const { family, size } = piece.block;
    const [to, share] = [...got].reduce((least, next) =>
      next[1][family] < least[1][family] ? next : least,
    );
    share[family] += size;
    return grantOf(estate, piece, to);
  });
  return [...used.map((piece) => grantOf(estate, piece, piece.host)), ...shared];
}

function grantOf({ network, by, request }: Estate, { holding, block }: Piece, to: HostId): Grant {
  return {
    network,
    block: cidrOfBlock(block),
    generation: holding.generation + 1,
    from: holding.owner,
    to,
    ...(by !== undefined && { by }),
    request,
  };
}

function usedIn(holding: Holding, inUse: readonly Used[]): (Piece & { readonly host: HostId })[] {
  const single = (ip: Ip): Block => ({ family: familyOf(ip), first: ipToNumber(ip), size: 1n });
  // Of two that claim one address, which cannot be, the first has it.
  const first = new Map([...inUse].reverse().map((each) => [each.ip, each]));
  return [...first.values()]
    .map(({ ip, host }) => ({ holding, block: single(ip), host }))
    .filter(({ block }) => contains(holding.block, block));
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
