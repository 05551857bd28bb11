import { noteSignals } from './patch';

export const interceptors = noteSignals('the first change of the year');
