async def test_x(rooms):
    import time
    t=time.time(); o = await rooms.open("one"); print(time.time()-t)
    t=time.time(); h = await rooms.holder(o); print(time.time()-t)
    body = h.ballot()
    print(await rooms.box.cast(o.id, body))
    t=time.time(); tar = await rooms.publish(o); print(len(tar), time.time()-t)
