// Reads what people write for a lab in a git repository: clone addresses and the addresses of the web pages of GitHub and GitLab.

/** A repository, what of it to check out (its default when absent), and where in it the lab is; `path` '' = its top. */
export type GitSource = { readonly url: string; readonly name: string; readonly ref?: string; readonly path: string };

const HOSTS = ['github.com', 'gitlab.com'];

/** Undefined: this is no git repository. A file of GitHub or GitLab is one, since a lab may need what lies beside it; a raw one is not. */
export function parseGitSource(text: string): GitSource | undefined {
  if (/^(?:ssh|git|file):\/\/.+|^[\w.-]+@[\w.-]+:.+/.test(text)) return { url: text, name: nameOf(text), path: '' };
  const web = URL.canParse(text) ? new URL(text) : undefined;
  if (web === undefined || !/^https?:$/.test(web.protocol)) return undefined;
  if (web.pathname.endsWith('.git')) return { url: text, name: nameOf(text), path: '' };
  return HOSTS.includes(web.hostname.replace(/^www\./, '')) ? pageOf(web) : undefined;
}

/** `owner/repository`, where nothing of that name lies on the disk. */
export function githubShorthand(text: string): GitSource | undefined {
  return /^[A-Za-z0-9][\w-]*\/[\w.-]+$/.test(text) && !/\.ya?ml$/.test(text) ? { url: `https://github.com/${text}.git`, name: nameOf(text), path: '' } : undefined;
}

/** GitLab's groups may be nested, and its pages stand behind `/-/`. */
function pageOf(web: URL): GitSource | undefined {
  const parts = web.pathname.split('/').filter((part) => part !== '').map(decodeURIComponent);
  const gitlab = web.hostname.endsWith('gitlab.com');
  const dash = parts.indexOf('-');
  const length = gitlab ? (dash < 0 ? parts.length : dash) : 2;
  const repository = parts.slice(0, length);
  const [view, ref, ...path] = parts.slice(gitlab && dash >= 0 ? length + 1 : length);
  if (repository.length < 2 || view === 'raw') return undefined;
  const url = `${web.origin}/${repository.join('/')}.git`;
  const source = { url, name: nameOf(url), path: '' };
  return (view === 'tree' || view === 'blob') && ref !== undefined && !ref.startsWith('-') ? { ...source, ref, path: path.join('/') } : view === undefined ? source : undefined;
}

const nameOf = (url: string): string => url.replace(/\/+$/, '').replace(/\.git$/, '').split(/[/:]/).at(-1) ?? 'lab';
