// Says which links carry their MTU only in fragments, before somebody measures it.
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import type { FragmentedLink } from '../../machines/vocabulary/placement.ts';

const SHOWN = 3;

/** One sentence for each two hosts and what passes whole between them. */
export function fragmentWarnings(links: readonly FragmentedLink[]): string[] {
  const ways = Map.groupBy(links, ({ hosts, whole }) => `Packets ${over(whole)} are fragmented on the underlay between hosts ${hosts.toSorted().join(' and ')}`);
  return [...ways].map(([sentence, on]) => {
    const named = on.slice(0, SHOWN).map(({ link, mtu }) => `${link} (MTU ${mtu})`);
    return `${sentence}, on ${on.length === 1 ? 'link' : 'links'} ${named.join(', ')}${on.length > SHOWN ? ` and ${on.length - SHOWN} more` : ''}`;
  });
}

export function fragmentedLinks(links: readonly LinkView[]): FragmentedLink[] {
  return links.flatMap(({ link, mtu, tunnel }) => (tunnel?.fragmented ? [{ link, mtu, hosts: [tunnel.a.host, tunnel.b.host], ...(tunnel.whole === undefined ? {} : { whole: tunnel.whole }) }] : []));
}

/** The number is not known of links that an older supervisor planned. */
export const over = (whole: number | undefined): string => (whole === undefined ? 'that do not fit' : `over ${whole} bytes`);
