import { z } from 'zod';

export const statusSchema = z.strictObject({ status: z.enum(['alive', 'ready']) });
