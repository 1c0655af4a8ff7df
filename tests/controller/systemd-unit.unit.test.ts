// The text of the systemd unit.
import { describe, expect, it } from 'vitest';
import { renderUnit } from '../../controller/systemd-unit.ts';

describe('renderUnit', () => {
  it('signals only the parent, restarts it always, and quotes what systemd would expand', () => {
    const text = renderUnit({ home: '/var/lib/lab "1" 100%', command: ['/usr/bin/node', '/opt/$x/main.ts'], env: { LABWRIGHT_NATS_URL: 'nats://h:4222' } });
    expect(text).toBe(`# Written by \`labwright up\`; changes are lost.
[Unit]
Description=Labwright controller
After=network-online.target docker.service openvswitch-switch.service libvirtd.service
Wants=network-online.target

[Service]
Type=exec
ExecStart="/usr/bin/node" "/opt/$$x/main.ts"
ExecReload=/bin/kill -HUP $MAINPID
Environment="LABWRIGHT_HOME=/var/lib/lab \\"1\\" 100%%"
Environment="LABWRIGHT_NATS_URL=nats://h:4222"
KillMode=process
TimeoutStopSec=60
Restart=always
RestartSec=1
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`);
  });
});
