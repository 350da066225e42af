import './page.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { carriedBy } from './carried'
import { inPage } from './desk/place'
import { LINK, RECORDED, takePage } from './keep/report'
import { Lab } from './lab.svelte'
import { keepPressed } from './pressed'

takePage(document)
const link = document.getElementById(LINK)?.textContent ?? ''
const lab = new Lab({ connect: inPage, carried: carriedBy(document), link, address: true })
document.getElementById(RECORDED)?.remove() // what can be read where no script runs
mount(App, { target: document.getElementById('lab')!, props: { lab } })
keepPressed(document.body)
lab.wake()
