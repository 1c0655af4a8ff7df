// The protocol between supervisors and host-actors as one number: whoever speaks another one gets no orders.

/**
 * Raised with each change of orders, observations or tunnels that an older side would misunderstand. Told in every sign of
 * life, in every hello and in every invitation; a side that tells none is older than all of them.
 */
export const HOST_PROTOCOL = 2;

/** Why these two do not work together; undefined when they do. `other` is the protocol of the side that `who` names. */
export function protocolMismatch(who: string, other: { readonly protocol?: number | undefined; readonly version?: string | undefined }, own: { readonly protocol: number; readonly version: string }): string | undefined {
  const told = other.protocol ?? 0;
  if (told === own.protocol) return undefined;
  const older = told < own.protocol;
  return `${who} speaks protocol ${told === 0 ? 'of before protocols had numbers' : told} (version ${other.version ?? 'unknown'}), this side ${own.protocol} (version ${own.version}): install ${older ? `version ${own.version} there` : `version ${other.version ?? 'of the other side'} here`}`;
}
