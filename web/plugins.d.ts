import type { Plugin } from 'vite'

export declare function packed(): Plugin
export declare function told(): Plugin
export declare function bundled(): Plugin
export declare function recorded(): Plugin
export declare function alone(): Plugin
