// Text of the files that carry names: a node's hosts file and resolv.conf, the block in the host's hosts file.
import { describe, expect, it } from 'vitest';
import { renderHostsBlock } from '../../../host-actor/mgmt-network/host-hosts-block.ts';
import { nodeFiles, renderHostsFile, renderResolvConf } from '../../../host-actor/mgmt-network/node-files.ts';

const none = { servers: [], search: [], options: [] };

describe('hosts file of a node', () => {
  it('has loopback names, then IPv4, then IPv6', () => {
    const text = renderHostsFile([{ names: ['n1', 'clab-a-n1'], addresses: ['172.20.20.2', '3fff::2'] }, { names: ['n2'], addresses: ['172.20.20.3/24'] }]);
    expect(text.split('\n').slice(-4)).toEqual(['172.20.20.2\tn1 clab-a-n1', '172.20.20.3\tn2', '3fff::2\tn1 clab-a-n1', '']);
    expect(text).toMatch(/^127\.0\.0\.1\tlocalhost\n::1\tlocalhost /);
  });

  it('lies in a folder that no lab name leads out of', () => {
    expect(nodeFiles('/state', '../etc', 'a/b').hosts).toBe('/state/node-files/..%2Fetc/a%2Fb/hosts');
  });
});

describe('resolv.conf of a node', () => {
  it('takes the host\'s servers but not those on its loopback', () => {
    expect(renderResolvConf(none, 'nameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch example.org\noptions edns0\n')).toBe('nameserver 192.0.2.53\nsearch example.org\noptions edns0\n');
  });

  it('says what the file asks for', () => {
    expect(renderResolvConf({ servers: ['9.9.9.9'], search: ['lab'], options: ['ndots:0'] }, 'nameserver 192.0.2.53\n')).toBe('nameserver 9.9.9.9\nsearch lab\noptions ndots:0\n');
  });
});

describe('block in the host\'s hosts file', () => {
  it('has six lines for two nodes with both families', () => {
    const entry = (name: string, last: number) => ({ name, id: '0123456789abcdef', kind: 'linux', ipv4: `172.20.20.${last}/24`, ipv6: `3fff:172:20:20::${last}/64` });
    expect(renderHostsBlock('a', [entry('clab-a-n2', 3), entry('clab-a-n1', 2)])).toBe([
      '###### CLAB-a-START ######',
      '172.20.20.2\tclab-a-n1\t0123456789ab\t# Kind: linux',
      '172.20.20.3\tclab-a-n2\t0123456789ab\t# Kind: linux',
      '3fff:172:20:20::2\tclab-a-n1\t0123456789ab\t# Kind: linux',
      '3fff:172:20:20::3\tclab-a-n2\t0123456789ab\t# Kind: linux',
      '###### CLAB-a-END ######',
      '',
    ].join('\n'));
  });
});
