import { BlockList, isIPv6 } from 'node:net';
import type { MasqueradeRule } from '../engine-options.js';
import type { Session } from '../session/session.js';
import { canonicalAddress } from './address.js';

const compiled = new WeakMap<readonly MasqueradeRule[], readonly { block: BlockList; address: string }[]>();

/**
 * The address of the 227 reply: a rule for the client's network first, then the listener's public address, the engine's,
 * and else the address that the client connected to. Null where that is no address.
 */
export function announcedAddress(session: Session): string | null {
  const { options } = session.engine;
  const client = canonicalAddress(session.remoteAddress);
  if (client !== null) {
    const family = isIPv6(client) ? 'ipv6' : 'ipv4';
    const rule = rulesOf(options.masquerade).find(({ block }) => block.check(client, family));
    if (rule !== undefined) return rule.address;
  }
  return session.listener.publicAddress ?? options.publicAddress ?? canonicalAddress(session.origin.localAddress);
}

function rulesOf(masquerade: readonly MasqueradeRule[]): readonly { block: BlockList; address: string }[] {
  let rules = compiled.get(masquerade);
  if (rules === undefined) {
    rules = masquerade.map(({ clients, address }) => {
      const block = new BlockList();
      const [network, bits] = clients.split('/') as [string, string | undefined];
      const family = isIPv6(network) ? 'ipv6' : 'ipv4';
      if (bits === undefined) block.addAddress(network, family);
      else block.addSubnet(network, Number(bits), family);
      return { block, address };
    });
    compiled.set(masquerade, rules);
  }
  return rules;
}
