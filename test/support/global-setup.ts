export { openSharedServers as default } from './shared-servers';
