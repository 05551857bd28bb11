import { isAbsolute, join } from 'node:path';

/**
 * The folder of this project in the user's cache: `$XDG_CACHE_HOME/processor-link`, else `~/.cache/processor-link`.
 * A relative XDG_CACHE_HOME is ignored, as the XDG base directory specification asks.
 */
export function cacheFolder(user: { home: string; xdgCacheHome?: string | undefined }): string {
  const { home, xdgCacheHome } = user;
  const base = xdgCacheHome && isAbsolute(xdgCacheHome) ? xdgCacheHome : join(home, '.cache');
  return join(base, 'processor-link');
}
