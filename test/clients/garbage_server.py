#!/usr/bin/env python3
"""A server that answers with mutated messages: psql and libpq must end with an error, never crash or hang.
usage: garbage_server.py SEED COUNT PSQL"""
import socket,random,struct,subprocess,sys,threading
seed=int(sys.argv[1]); n=int(sys.argv[2]); rnd=random.Random(seed)
def m(t,b): return t+struct.pack('!i',len(b)+4)+b
start=m(b'R',struct.pack('!i',0))+m(b'S',b'server_version\x0015.1\0')+m(b'S',b'client_encoding\0UTF8\0')+m(b'K',struct.pack('!ii',1,2))+m(b'Z',b'I')
col=lambda name:name+b'\0'+struct.pack('!ihihih',0,0,25,-1,-1,0)
rows=m(b'T',struct.pack('!h',2)+col(b'a')+col(b'b'))+m(b'D',struct.pack('!h',2)+struct.pack('!i',3)+b'abc'+struct.pack('!i',-1))*3+m(b'C',b'SELECT 3\0')+m(b'Z',b'I')
err=m(b'E',b'SERROR\0C42601\0Mmsg\0P5\0\0')+m(b'Z',b'I')
copy=m(b'H',b'\0'+struct.pack('!hh',1,0))+m(b'd',b'1\n')*2+m(b'c',b'')+m(b'C',b'COPY 2\0')+m(b'Z',b'I')
notice=m(b'N',b'SNOTICE\0Mhi\0\0')+m(b'A',struct.pack('!i',1)+b'ch\0x\0')
def mutate(b):
    b=bytearray(b)
    for _ in range(rnd.randint(0,6)):
        k=rnd.randint(0,4); i=rnd.randrange(len(b)) if b else 0
        if k==0 and b: b[i]=rnd.randrange(256)
        elif k==1 and b: b[i:i]=bytes(rnd.randrange(256) for _ in range(rnd.randint(1,5)))
        elif k==2 and b: del b[i:i+rnd.randint(1,4)]
        elif k==3 and b: b=b[:i]
        elif b: b[i]=rnd.choice([0,255,127,128])
    return bytes(b)
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('127.0.0.1',0)); s.listen(50); port=s.getsockname()[1]
def serve():
    while True:
        c,_=s.accept()
        try:
            c.settimeout(2); c.recv(4096)
            st=mutate(start) if rnd.random()<0.3 else start
            c.sendall(st); c.recv(4096)
            global last
            last=mutate(rnd.choice([rows,err,copy,notice+rows,rows+err,rows*2,err+copy])); c.sendall(last)
            c.shutdown(1); 
        except OSError: pass
        c.close()
threading.Thread(target=serve,daemon=True).start()
codes={}; last=b''
for i in range(n):
    try: r=subprocess.run([sys.argv[3],'-X','-d',f'host=127.0.0.1 port={port} user=u dbname=d','-c','select 1','-c','select 2'],capture_output=True,timeout=6,stdin=subprocess.DEVNULL).returncode
    except subprocess.TimeoutExpired as e: r='TIMEOUT'; print("hang at", i, last)
    codes[r]=codes.get(r,0)+1
print(codes)
sys.exit(0 if all(k in (0, 1, 2) for k in codes) else 1)
