import { formatToken, parseToken } from "../../membership/token.ts";

/** A token that is like this one in all but the secret. */
export function withOtherSecret(token: string): string {
  const parsed = parseToken(token);
  if (parsed === undefined) throw new Error(`not a token: ${token}`);
  return formatToken({ ...parsed, secret: parsed.secret.map((byte) => byte ^ 0xff) });
}
