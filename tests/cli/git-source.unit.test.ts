// What people write for a lab in a git repository: what is cloned, at which branch, and where in it the lab is.
import { describe, expect, it } from 'vitest';
import { githubShorthand, parseGitSource } from '../../cli/topology-source/git-source.ts';

const github = { url: 'https://github.com/org/labs.git', name: 'labs', path: '' };

describe('git sources', () => {
  it.each([
    ['https://github.com/org/labs', github],
    ['https://github.com/org/labs/', github],
    ['https://github.com/org/labs.git', github],
    ['https://github.com/org/labs/tree/dev', { ...github, ref: 'dev' }],
    ['https://github.com/org/labs/tree/dev/a/b', { ...github, ref: 'dev', path: 'a/b' }],
    ['https://github.com/org/labs/blob/main/a/x.clab.yml', { ...github, ref: 'main', path: 'a/x.clab.yml' }],
    ['https://gitlab.com/group/sub/labs', { url: 'https://gitlab.com/group/sub/labs.git', name: 'labs', path: '' }],
    ['https://gitlab.com/group/sub/labs/-/blob/main/x.clab.yml', { url: 'https://gitlab.com/group/sub/labs.git', name: 'labs', ref: 'main', path: 'x.clab.yml' }],
    ['https://git.example.org/labs.git', { url: 'https://git.example.org/labs.git', name: 'labs', path: '' }],
    ['git@example.org:org/labs.git', { url: 'git@example.org:org/labs.git', name: 'labs', path: '' }],
    ['ssh://git@example.org:2222/org/labs.git', { url: 'ssh://git@example.org:2222/org/labs.git', name: 'labs', path: '' }],
    ['file:///srv/labs.git', { url: 'file:///srv/labs.git', name: 'labs', path: '' }],
  ])('%s', (text, source) => expect(parseGitSource(text)).toEqual(source));

  it.each(['lab.clab.yml', '/labs/a', '-', 'https://example.org/lab.clab.yml', 'https://gitlab.com/g/labs/-/raw/main/x.clab.yml', 'https://github.com/org/labs/issues/1', 's3://bucket/x.clab.yml'])('%s is none', (text) => expect(parseGitSource(text)).toBeUndefined());

  it('owner/name is a repository of GitHub, a file or a deeper path is not', () => {
    expect(githubShorthand('org/labs')).toEqual(github);
    for (const text of ['org/labs.clab.yml', 'a/b/c', './labs', '../labs', '/labs', 'labs']) expect(githubShorthand(text)).toBeUndefined();
  });
});
