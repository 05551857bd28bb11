import { noteSignals } from './patch';

export const interceptors = noteSignals('the third change of the year');
