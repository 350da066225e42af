import type { Plugin } from 'vite'

export declare function packed(): Plugin
export declare function told(): Plugin
export declare function bundled(instead?: string): Plugin
export declare function recorded(): Plugin
export declare function alone(): Plugin
