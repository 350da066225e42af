import type { Plugin } from 'vite'

export declare function packed(): Plugin
export declare function alone(): Plugin
