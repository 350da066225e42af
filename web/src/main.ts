import './page.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { Lab } from './lab.svelte'
import { Server } from './transport/server'

const lab = new Lab({ connect: (listener) => new Server(listener), address: true })
mount(App, { target: document.getElementById('lab')!, props: { lab } })
lab.wake()
