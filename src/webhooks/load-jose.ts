let jose: Promise<typeof import('jose')> | undefined;

/** The module `jose`, which ships ES modules alone and so cannot be imported statically from CommonJS. */
export function loadJose(): Promise<typeof import('jose')> {
  jose ??= import('jose');
  return jose;
}
